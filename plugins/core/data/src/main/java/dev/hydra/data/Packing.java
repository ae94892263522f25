package dev.hydra.data;

import java.util.List;

/** How a text becomes windows. */
enum Packing {
  /** The text is cut anywhere, and a token sees all of its window that comes before it. */
  WINDOWS {
    @Override
    Samples training(Corpus corpus, List<Range> ranges, int length, long seed) {
      return new WindowSampler(corpus, ranges, length, seed);
    }

    @Override
    Samples whole(Corpus corpus, List<Range> ranges, int length) {
      return new TextWindows(corpus, ranges, length);
    }
  },
  /** Windows hold whole documents, and a token sees its own document only. */
  DOCUMENTS {
    @Override
    Samples training(Corpus corpus, List<Range> ranges, int length, long seed) {
      Samples windows = whole(corpus, ranges, length);
      if (windows.count() == 0) {
        throw new CorpusException(
            "no document of the text to train on has two tokens: there is nothing to predict; use"
                + " more text, or packing = windows");
      }
      return new ShuffledSamples(windows, seed);
    }

    @Override
    Samples whole(Corpus corpus, List<Range> ranges, int length) {
      return DocumentWindows.of(corpus, ranges, length);
    }
  };

  /**
   * Returns the windows to train on, in an order fixed by the seed.
   *
   * @throws CorpusException if there is none
   */
  abstract Samples training(Corpus corpus, List<Range> ranges, int length, long seed);

  /** Returns windows in which every token that can be predicted is predicted once. */
  abstract Samples whole(Corpus corpus, List<Range> ranges, int length);
}
