package dev.hydra.data;

import java.util.Optional;

/**
 * A text to score a model on.
 *
 * @param name what it is called in reports
 * @param windows the text
 * @param own the {@link Corpus#fingerprint} of a text that is for nothing else; nothing where it is
 *     held out of one to train on
 */
public record ValidationSet(String name, ValidationWindows windows, Optional<String> own) {}
