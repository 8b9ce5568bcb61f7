"""A study's exported networks at work on one's own machine: a loopback server, the page it shows, and a command."""
