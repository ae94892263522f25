package dev.hydra.tasks;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.List;
import org.junit.jupiter.api.Test;

class ExampleTest {
  @Test
  void whatIsAskedForIsNotRead() {
    Example example = new Example.Builder().read(1, 2).ask(3).read(4).ask(5).build();
    assertThat(example.tokens()).containsExactly(1, 2, 4);
    assertThat(example.targets()).containsExactly(-1, 3, 5);
    assertThat(example.answers()).containsExactly(-1, 0, 1);
    assertEquals(2, example.answerCount());
  }

  @Test
  void theLastTokenOfAnAnswerIsNotReadAndAllBelongTogether() {
    Example example = new Example.Builder().read(1).answer(7, 8, 9).build();
    assertThat(example.tokens()).containsExactly(1, 7, 8);
    assertThat(example.targets()).containsExactly(7, 8, 9);
    assertThat(example.answers()).containsExactly(0, 0, 0);
    assertEquals(1, example.answerCount());
  }

  @Test
  void whatIsTrainedOnlyIsNotAnAnswer() {
    Example example = new Example.Builder().read(1).train(4).read(2).ask(5).build();
    assertThat(example.targets()).containsExactly(4, 5);
    assertThat(example.answers()).containsExactly(-1, 0);
  }

  @Test
  void nothingIsPredictedBeforeTheFirstTokenOrTwiceAtAPlace() {
    assertThrows(IllegalStateException.class, () -> new Example.Builder().ask(1));
    assertThrows(IllegalStateException.class, () -> new Example.Builder().read(1).ask(1).ask(2));
    assertThrows(IllegalStateException.class, () -> new Example.Builder().read(1).build());
  }

  @Test
  void equalIfTheSameIsRead() {
    assertEquals(
        new Example.Builder().read(1, 2).ask(3).build(),
        new Example.Builder().read(1, 2).ask(4).build());
  }

  @Test
  void textShowsWhatIsToBePredicted() {
    assertEquals(
        "a b [c]", new Example.Builder().read(0, 1).ask(2).build().text(List.of("a", "b", "c")));
  }
}
