package dev.hydra.data;

import dev.hydra.api.Factory;
import dev.hydra.api.FactoryKind;
import org.osgi.annotation.versioning.ConsumerType;

/**
 * Creates tokenizers of one type. Configurations name it by {@code data.tokenizer = NAME}, or with
 * options by {@code data.tokenizer { type = NAME, ... }}.
 */
@ConsumerType
@FactoryKind("tokenizer")
public interface TokenizerFactory extends Factory<TokenizerContext, Tokenizer> {}
