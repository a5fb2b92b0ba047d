"""The world around the motion: cameras, contacts and floors, trained and measured."""
