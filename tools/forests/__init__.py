"""What forests of scikit-learn cost, beside emlearn's C: the table in docs/scikit-learn.md."""
