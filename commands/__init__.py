"""The commands of `permille`: each reads options, calls the layers behind it and prints; nothing is computed here."""
