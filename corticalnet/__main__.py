"""``python -m corticalnet COMMAND``: the command line, where the console script is not on the path."""

from corticalnet.cli import main

if __name__ == "__main__":
    main()
