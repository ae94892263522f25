package dev.hydra.data;

import dev.hydra.api.HydraPlugin;
import dev.hydra.api.Option;
import dev.hydra.api.Settings;
import java.util.List;

/** Bytes as tokens: {@link ByteTokenizer}. */
@HydraPlugin("byte")
public final class ByteTokenizerFactory implements TokenizerFactory {
  /** For the registry. */
  public ByteTokenizerFactory() {}

  @Override
  public List<Option<?>> options() {
    return List.of();
  }

  @Override
  public Tokenizer create(Settings settings) {
    return new ByteTokenizer();
  }
}
