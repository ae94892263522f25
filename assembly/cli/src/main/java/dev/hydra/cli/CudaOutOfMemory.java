package dev.hydra.cli;

import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/** Says in one message what a CUDA device had no memory for, and which settings take less. */
final class CudaOutOfMemory {
  private static final String BEGIN = "CUDA out of memory";
  private static final Pattern FIGURES =
      Pattern.compile(
          "Tried to allocate (\\d[\\d.]* \\w+)\\. GPU (\\d+) has a total capacity of (.+?) of which"
              + " (.+?) is free");
  private static final String REMEDY =
      "Less is taken with a smaller trainer.batch-size (and trainer.accumulate for the same batch"
          + " in all), a shorter data.sequence-length, or trainer.recompute = full; hydra inspect"
          + " CONF --batch N --lengths TOKENS predicts what a step takes";

  private CudaOutOfMemory() {}

  /** Returns the message if one of these exceptions is about a CUDA device's memory. */
  static Optional<String> message(Stream<Throwable> causes) {
    return causes
        .map(each -> String.valueOf(each.getMessage()))
        .filter(text -> text.contains(BEGIN))
        .findFirst()
        .map(text -> BEGIN + figures(text) + ". " + REMEDY);
  }

  private static String figures(String text) {
    Matcher matcher = FIGURES.matcher(text);
    return matcher.find()
        ? ": "
            + matcher.group(1)
            + " more were needed, and cuda:"
            + matcher.group(2)
            + " has "
            + matcher.group(4)
            + " of "
            + matcher.group(3)
            + " free"
        : "";
  }
}
