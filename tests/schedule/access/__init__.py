"""What tiles really read and write, against what `ariel_build/schedule/access.py` claims."""
