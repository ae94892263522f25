package dev.hydra.data;

import dev.hydra.api.HydraPlugin;
import dev.hydra.api.Option;
import java.util.List;

/** Creates {@link ByteTokenizer}s by the name that they had in the configurations of older runs. */
@HydraPlugin("byte")
public final class OldByteTokenizerFactory implements TokenizerFactory {
  /** Creates the factory, for the registry. */
  public OldByteTokenizerFactory() {}

  @Override
  public List<Option<?>> options() {
    return List.of();
  }

  @Override
  public Tokenizer create(TokenizerContext from) {
    return new ByteTokenizer();
  }
}
