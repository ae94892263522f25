/**
 * Tokenizers as Hugging Face publishes them, {@code tokenizer.json}, read by the library that they
 * were made with.
 */
@NullMarked
package dev.hydra.tokenizer.hf;

import org.jspecify.annotations.NullMarked;
