"""Draw the objects, backgrounds and views of synthetic-it by ray tracing."""
