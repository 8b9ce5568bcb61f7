"""Tables, figures and the report: tidy frames in, files out."""
