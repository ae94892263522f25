package dev.hydra.cli;

import dev.hydra.data.Tokenizer;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.stream.Collectors;

/** Says what a tokenizer is, for people. */
final class TokenizerReport {
  private static final String SAMPLE = "Tokenizers cut text: naïve 1234, こんにちは 😀";

  private TokenizerReport() {}

  static void print(PrintWriter out, Path file, Tokenizer tokenizer) {
    out.println("file         " + file);
    out.printf("vocabulary   %,d tokens%n", tokenizer.vocabSize());
    tokenizer
        .endOfText()
        .ifPresent(
            id ->
                out.println(
                    "end of text  " + tokenizer.decode(new int[] {id}, false) + " (" + id + ")"));
    int[] ids = tokenizer.encodePrompt(SAMPLE);
    out.println("sample       " + SAMPLE);
    out.println(
        "             "
            + Arrays.stream(ids)
                .mapToObj(id -> tokenizer.decode(new int[] {id}, false))
                .collect(Collectors.joining("|")));
    out.println("             " + Arrays.toString(ids));
  }
}
