"""What every backend over files of the operating system needs."""
