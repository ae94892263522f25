package dev.hydra.data;

/**
 * A corpus ready for training.
 *
 * @param tokenizer what its tokens mean
 * @param corpus the text
 * @param split what is trained on and what is held out
 * @param train the windows to train on
 * @param validation the windows to validate on; none if nothing is held out
 */
public record Dataset(
    Tokenizer tokenizer,
    Corpus corpus,
    Split split,
    WindowSampler train,
    ValidationWindows validation) {}
