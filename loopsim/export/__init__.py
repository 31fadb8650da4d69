"""What a run leaves for other tools: tables, pictures and models in those tools' own formats."""
