"""What a model should answer: samples, our numpy reference, and the frameworks' own oracles."""
