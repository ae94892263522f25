package dev.hydra.tck;

import dev.hydra.api.Settings;
import dev.hydra.data.StreamingDecoder;
import dev.hydra.data.Tokenizer;
import dev.hydra.data.TokenizerContext;
import dev.hydra.data.TokenizerFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;

/** Checks of a tokenizer, whose files are those of the working folder. */
record TokenizerChecks(TokenizerFactory factory, Settings settings) {
  /** More tokens than that are looked at by samples. */
  private static final int TOKENS = 4096;

  private static final List<String> TEXTS =
      List.of(
          "",
          "a",
          "In the beginning God created the heaven and the earth.\n",
          "  two  spaces\tand\ttabs\r\n\r\nand lines  ",
          "int main(void) { return 0x2A != 42; } // 3.14e-10",
          "Zwölf Boxkämpfer jagen Viktor quer über den großen Sylter Deich",
          "Съешь же ещё этих мягких французских булок",
          "いろはにほへと ちりぬるを 天地玄黃",
          "e\u0301 and \u00e9, \u200d, \ufeff, \ud83d\udc69\u200d\ud83d\udcbb\ud83c\uddfa\ud83c\uddf3",
          "\u0000\u0001\u007f");

  List<Check> all() {
    return List.of(
        new Check("text there and back", this::roundTrip),
        new Check("token by token", this::streaming),
        new Check("ids within the vocabulary", this::range),
        new Check("bytes of every token", this::bytes),
        new Check("the same ids for the same text", this::determinism));
  }

  private Tokenizer tokenizer() {
    return factory.create(new TokenizerContext(settings, List.of(Path.of("").toAbsolutePath())));
  }

  private void roundTrip() {
    Tokenizer tokenizer = tokenizer();
    for (String text : TEXTS) {
      String back = tokenizer.decode(tokenizer.encode(text));
      ContractViolation.unless(
          back.equals(text), "\"" + text + "\" comes back as \"" + back + "\"");
    }
  }

  private void streaming() {
    Tokenizer tokenizer = tokenizer();
    for (String text : TEXTS) {
      StreamingDecoder decoder = tokenizer.streamingDecoder();
      StringBuilder all = new StringBuilder();
      int[] ids = tokenizer.encode(text);
      for (int id : ids) {
        String piece = decoder.next(id);
        ContractViolation.unless(
            piece.indexOf('\ufffd') < 0, "half a character of \"" + text + "\" comes out");
        all.append(piece);
      }
      all.append(decoder.finish());
      String whole = tokenizer.decode(ids);
      ContractViolation.unless(
          all.toString().equals(whole),
          "\"" + whole + "\" comes out as \"" + all + "\" token by token");
    }
  }

  private void range() {
    Tokenizer tokenizer = tokenizer();
    int size = tokenizer.vocabSize();
    ContractViolation.unless(size > 0, "the vocabulary has " + size + " tokens");
    for (String text : TEXTS) {
      tokenizer.encode(
          text.getBytes(StandardCharsets.UTF_8), id -> within(id, size, "\"" + text + "\""));
    }
    byte[] any = new byte[4096];
    new Random(0).nextBytes(any);
    tokenizer.encode(any, id -> within(id, size, "bytes that are not UTF-8"));
  }

  private static void within(int id, int size, String what) {
    ContractViolation.unless(
        id >= 0 && id < size, what + " has token " + id + " of a vocabulary of " + size);
  }

  private void bytes() {
    Tokenizer tokenizer = tokenizer();
    int size = tokenizer.vocabSize();
    int stride = Math.max(1, size / TOKENS);
    IntStream.iterate(0, id -> id < size, id -> id + stride)
        .forEach(
            id ->
                ContractViolation.unless(
                    Arrays.equals(tokenizer.bytes(id), tokenizer.bytes(id)),
                    "token " + id + " has other bytes the second time"));
    for (int id : new int[] {-1, size}) {
      ContractViolation.unless(
          refuses(tokenizer, id), "there is no token " + id + ", but it has bytes");
    }
  }

  private static boolean refuses(Tokenizer tokenizer, int id) {
    try {
      tokenizer.bytes(id);
      return false;
    } catch (IllegalArgumentException expected) {
      return true;
    }
  }

  private void determinism() {
    Tokenizer one = tokenizer();
    Tokenizer other = tokenizer();
    for (String text : TEXTS) {
      int[] first = one.encode(text);
      ContractViolation.unless(
          Arrays.equals(first, one.encode(text)) && Arrays.equals(first, other.encode(text)),
          "\"" + text + "\" has other ids the second time");
    }
  }
}
