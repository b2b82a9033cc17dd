"""The searches behind the decoding methods: a file a method, a folder where it takes more."""
