"""Unit tests: what the vectors do not say, held against outside truths and against fastavro."""
