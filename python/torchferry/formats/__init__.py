"""One file a format: how a module becomes its artifact, how its layers are shown, how its weights are read."""
