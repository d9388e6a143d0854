"""Scoring many pictures: Arrow in, Arrow out, on the processors of this machine or on Ray."""
