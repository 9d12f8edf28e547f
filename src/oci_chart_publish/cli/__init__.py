"""The command line: argv to settings to pipeline to exit code. It parses, calls, prints, and maps errors."""
