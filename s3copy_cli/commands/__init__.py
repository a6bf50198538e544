"""One thin module per subcommand: options in, a call, a result out."""
