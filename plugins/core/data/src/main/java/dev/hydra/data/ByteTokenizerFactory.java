package dev.hydra.data;

import dev.hydra.api.HydraPlugin;
import dev.hydra.api.Option;
import java.util.List;

/** Creates {@link ByteTokenizer}s. */
@HydraPlugin("bytes")
public final class ByteTokenizerFactory implements TokenizerFactory {
  /** Creates the factory, for the registry. */
  public ByteTokenizerFactory() {}

  @Override
  public List<Option<?>> options() {
    return List.of();
  }

  @Override
  public Tokenizer create(TokenizerContext from) {
    return new ByteTokenizer();
  }
}
