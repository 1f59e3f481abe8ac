"""Tests of boards, firmware, emulation and what is measured."""
