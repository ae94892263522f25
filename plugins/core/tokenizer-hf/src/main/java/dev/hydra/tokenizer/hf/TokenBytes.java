package dev.hydra.tokenizer.hf;

import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;
import java.util.function.Function;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Finds the bytes that a token stands for inside a text, as the file's decoder joins tokens. */
final class TokenBytes {
  private static final Pattern BYTE = Pattern.compile("<0x([0-9A-F]{2})>");
  private static final Map<Integer, Integer> BYTE_OF = byteOf();
  private static final char LOW_LINE = '\u2581';

  private TokenBytes() {}

  /** Returns the way from a token to its bytes. */
  static Function<String, byte[]> of(TokenizerFile file) {
    if (file.has("decoder", "ByteLevel")) {
      return TokenBytes::byteLevel;
    }
    if (file.has("decoder", "WordPiece")) {
      String prefix = prefix(file);
      return token ->
          utf8(token.startsWith(prefix) ? token.substring(prefix.length()) : " " + token);
    }
    boolean suffix = file.has("decoder", "BPEDecoder");
    return token -> {
      Matcher fallback = BYTE.matcher(token);
      if (fallback.matches()) {
        return new byte[] {(byte) Integer.parseInt(fallback.group(1), 16)};
      }
      String text = token.replace(LOW_LINE, ' ');
      return utf8(suffix ? text.replace("</w>", " ") : text);
    };
  }

  private static String prefix(TokenizerFile file) {
    return file.json().get("decoder") instanceof Map<?, ?> decoder
            && decoder.get("prefix") instanceof String prefix
        ? prefix
        : "##";
  }

  private static byte[] utf8(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  private static byte[] byteLevel(String token) {
    int[] characters = token.codePoints().toArray();
    byte[] bytes = new byte[characters.length];
    for (int i = 0; i < characters.length; i++) {
      Integer known = BYTE_OF.get(characters[i]);
      if (known == null) {
        return utf8(token); // an added token, which is text as it stands
      }
      bytes[i] = known.byteValue();
    }
    return bytes;
  }

  /**
   * The characters of GPT-2's byte-level BPE: bytes that print stand for themselves, the others for
   * characters from 256 on (openai/gpt-2, encoder.py, bytes_to_unicode).
   */
  private static Map<Integer, Integer> byteOf() {
    Map<Integer, Integer> byteOf = new HashMap<>();
    int next = 256;
    for (int b = 0; b < 256; b++) {
      boolean prints = (b >= '!' && b <= '~') || (b >= 0xa1 && b <= 0xac) || b >= 0xae;
      byteOf.put(prints ? b : next++, b);
    }
    return byteOf;
  }
}
