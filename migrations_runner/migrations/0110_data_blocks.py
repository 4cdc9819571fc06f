import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('migrations_runner', '0002_production_runner'),
    ]

    operations = [
        migrations.CreateModel(
            name='DataBlock',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('sha256', models.CharField(max_length=64, unique=True)),
                ('size', models.BigIntegerField(default=0, help_text='Bytes.')),
                ('lines', models.BigIntegerField(default=0)),
                ('kept_at', models.DateTimeField(auto_now_add=True)),
            ],
            options={
                'ordering': ['-kept_at'],
            },
        ),
        migrations.CreateModel(
            name='DataPart',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveIntegerField()),
                ('data', models.BinaryField()),
                ('block', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='parts', to='migrations_runner.datablock')),
            ],
            options={
                'ordering': ['block', 'number'],
                'constraints': [models.UniqueConstraint(fields=('block', 'number'), name='data_part_once')],
            },
        ),
    ]
