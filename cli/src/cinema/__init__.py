"""`cinema`, the operators' command: a folder a group of commands, a file a command."""
