"""`python -m s3copy_cli`."""

from s3copy_cli.cli import main

if __name__ == "__main__":
    main()
