"""The processes of a server: who starts them, watches them, and what each begins with."""
