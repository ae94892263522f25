package dev.hydra.serve;

import dev.hydra.data.Tokenizer;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/** How single tokens are written in answers. */
final class TokenText {
  /** What stands between two ids. */
  static final String BETWEEN_IDS = " ";

  private final Optional<Tokenizer> tokenizer;

  TokenText(ServedModel model) {
    this.tokenizer = model.tokenizer();
  }

  /** The text of a token; {@code bytes:\xHH...} where it is a part of a character only. */
  String of(int token) {
    if (tokenizer.isEmpty()) {
      return String.valueOf(token);
    }
    byte[] bytes = tokenizer.get().bytes(token);
    if (bytes.length == 0) {
      return tokenizer.get().decode(new int[] {token}, false); // special tokens by name
    }
    try {
      return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString();
    } catch (CharacterCodingException e) {
      StringBuilder text = new StringBuilder("bytes:");
      for (byte each : bytes) {
        text.append(String.format(Locale.ROOT, "\\x%02x", each));
      }
      return text.toString();
    }
  }

  /** How many characters a token and what follows it before the next one take. */
  int length(int token) {
    return of(new int[] {token}).length() + (tokenizer.isEmpty() ? BETWEEN_IDS.length() : 0);
  }

  /** The bytes of a token, as numbers from 0 to 255. */
  List<Integer> bytes(int token) {
    List<Integer> numbers = new ArrayList<>();
    byte[] bytes = tokenizer.map(known -> known.bytes(token)).orElseGet(() -> Call.utf8(of(token)));
    for (byte each : bytes) {
      numbers.add(each & 0xff);
    }
    return numbers;
  }

  /** The text of tokens; without tokenizer their ids. */
  String of(int[] tokens) {
    if (tokenizer.isPresent()) {
      return tokenizer.get().decode(tokens);
    }
    StringBuilder text = new StringBuilder();
    for (int token : tokens) {
      text.append(text.isEmpty() ? "" : BETWEEN_IDS).append(token);
    }
    return text.toString();
  }
}
