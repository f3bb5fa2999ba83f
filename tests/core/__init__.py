"""Tests of the core beyond the laws: values, schemas, events, users' classes, endless inputs."""
