# Sourced by the PostgreSQL image on a fresh volume: a database and an account for each service.
for database in auth catalog ticketing; do
  eval "password=\$PASSWORD_OF_$(echo $database | tr a-z A-Z)"
  DATABASE=$database PASSWORD=$password \
    psql -X -q -v ON_ERROR_STOP=1 -U postgres -d postgres -f /database.sql
done
