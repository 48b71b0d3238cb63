"""Dataset formats. Each reader treats its bytes as hostile until they are checked."""
