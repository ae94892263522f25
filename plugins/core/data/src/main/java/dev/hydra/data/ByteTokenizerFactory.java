package dev.hydra.data;

import dev.hydra.api.HydraPlugin;
import dev.hydra.api.Option;
import dev.hydra.api.Settings;
import java.util.List;

/** Creates {@link ByteTokenizer}s. */
@HydraPlugin("byte")
public final class ByteTokenizerFactory implements TokenizerFactory {
  /** Creates the factory, for the registry. */
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
