"""Classifiers and what trains them: losses, metrics, optimisers, schedules."""
