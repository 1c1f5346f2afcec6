"""Rows of a pool that belong to none of the classes: how to tell them, and how many they are."""
