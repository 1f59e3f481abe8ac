"""Tests of the memory plan and of its checker."""
