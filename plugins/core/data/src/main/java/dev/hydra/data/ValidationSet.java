package dev.hydra.data;

/**
 * A text to score a model on.
 *
 * @param name what it is called in reports
 * @param windows the text
 */
public record ValidationSet(String name, ValidationWindows windows) {}
