from cinema_shared import migrations

migrations.run()
