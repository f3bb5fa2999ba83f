"""What the core does besides obeying the laws: values, errors, schemas, events, endless inputs."""
