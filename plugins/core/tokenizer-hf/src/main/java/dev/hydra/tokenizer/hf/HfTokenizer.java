package dev.hydra.tokenizer.hf;

import dev.hydra.data.StreamingDecoder;
import dev.hydra.data.Tokenizer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.function.Function;
import java.util.function.IntConsumer;

/** A tokenizer of a tokenizer.json. */
final class HfTokenizer implements Tokenizer {
  private final TokenizerHandle tokenizer;
  private final TokenizerFile file;
  private final Optional<Pieces> pieces;
  private final Function<String, byte[]> bytes;
  private final BitSet special = new BitSet();
  private final OptionalInt endOfText;
  private final String identity;
  private final List<Path> files;

  HfTokenizer(
      TokenizerHandle tokenizer,
      TokenizerFile file,
      OptionalInt endOfText,
      String identity,
      List<Path> files) {
    this.tokenizer = tokenizer;
    this.file = file;
    this.pieces = Pieces.of(file, tokenizer);
    this.bytes = TokenBytes.of(file);
    this.endOfText = endOfText;
    this.identity = identity;
    this.files = List.copyOf(files);
    file.special().values().forEach(special::set);
  }

  @Override
  public int vocabSize() {
    return file.tokens().size();
  }

  @Override
  public void encode(byte[] text, IntConsumer sink) {
    encode(new String(text, StandardCharsets.UTF_8), sink);
  }

  private void encode(String text, IntConsumer sink) {
    if (pieces.isPresent()) {
      pieces.get().encode(text, sink);
      return;
    }
    for (long id : tokenizer.encode(text, false)) {
      sink.accept((int) id);
    }
  }

  @Override
  public int[] encode(String text) {
    return ints(tokenizer.encode(text, false));
  }

  @Override
  public int[] encodePrompt(String text) {
    return ints(tokenizer.encode(text, true));
  }

  private static int[] ints(long[] ids) {
    return Arrays.stream(ids).mapToInt(id -> (int) id).toArray();
  }

  @Override
  public byte[] bytes(int token) {
    check(token);
    return special.get(token) ? new byte[0] : bytes.apply(file.tokens().get(token));
  }

  private void check(int token) {
    if (token < 0 || token >= vocabSize()) {
      throw new IllegalArgumentException(
          "there is no token " + token + " in a vocabulary of " + vocabSize());
    }
  }

  @Override
  public String decode(int[] tokens, boolean skipSpecial) {
    for (int token : tokens) {
      check(token);
    }
    return tokenizer.decode(Arrays.stream(tokens).asLongStream().toArray(), skipSpecial);
  }

  @Override
  public StreamingDecoder streamingDecoder() {
    return new HfStreamingDecoder(this);
  }

  @Override
  public OptionalInt endOfText() {
    return endOfText;
  }

  @Override
  public String identity() {
    return identity;
  }

  @Override
  public List<Path> files() {
    return files;
  }
}
