"""The metadata documents of both formats, and the one model of both."""
