// Prints a line for each thing that happens to a ticket. Where it prints, yours would send a letter.
//
//   npm install && RABBITMQ_URL=amqp://… node listener.mjs
import amqp from "amqplib";

const connection = await amqp.connect(process.env.RABBITMQ_URL);
// Whoever runs it starts it again. Nothing is lost meanwhile: the queue is durable.
connection.on("error", (error) => console.error(error.message));
connection.on("close", () => process.exit(1));

const channel = await connection.createChannel();
await channel.prefetch(50);
const { queue } = await channel.assertQueue("ticket-letters", {
  durable: true,
  arguments: { "x-queue-type": "quorum" },
});
await channel.bindQueue(queue, "cinema.events", "ticket.*.v1");

console.log("listening");
await channel.consume(queue, (message) => {
  if (message === null) process.exit(1); // somebody has removed the queue
  const { type, subject, subjectversion, data } = JSON.parse(message.content.toString());
  const what = type.split(".")[2]; // booked, paid, cancelled, expired
  const seat = `row ${data.row}, seat ${data.seat}`;
  console.log(
    `${subject} v${subjectversion}: ${what}, user ${data.user}, ${data.movie.name} in ${data.hall.name}` +
      ` at ${data.started_at}, ${seat}, ${data.price} ${data.currency}`,
  );
  channel.ack(message); // only now: had we died before, the message would come again
});
