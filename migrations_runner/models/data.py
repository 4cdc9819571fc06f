"""Data of scripts that is too much for a text: kept once by its hash, in parts."""

from __future__ import annotations

from typing import ClassVar

from django.db import models


class DataBlock(models.Model):
    """The lines behind one ``COPY … FROM stdin``. A script's text refers to it by its hash."""

    sha256 = models.CharField(max_length=64, unique=True)
    size = models.BigIntegerField(default=0, help_text="Bytes.")
    lines = models.BigIntegerField(default=0)
    kept_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar = ["-kept_at"]

    def __str__(self) -> str:
        return f"{self.lines} lines, {self.sha256[:12]}"


class DataPart(models.Model):
    """About a megabyte of a block; parts are numbered from 0."""

    block = models.ForeignKey(DataBlock, on_delete=models.CASCADE, related_name="parts")
    number = models.PositiveIntegerField()
    data = models.BinaryField()

    class Meta:
        ordering: ClassVar = ["block", "number"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["block", "number"], name="data_part_once"),
        ]

    def __str__(self) -> str:
        return f"Part {self.number} of {self.block_id}"
