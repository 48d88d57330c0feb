"""Man pages and completions for bash, zsh and fish of both programs, made of what their parsers know: nothing is said twice."""
