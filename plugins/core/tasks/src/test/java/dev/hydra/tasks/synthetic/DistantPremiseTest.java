package dev.hydra.tasks.synthetic;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.hydra.api.ConfigException;
import dev.hydra.tasks.Example;
import dev.hydra.tasks.Task;
import dev.hydra.tasks.Tasks;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;

class DistantPremiseTest {
  private static final int FACT = 32 + 32 + 32;
  private final Task task =
      Tasks.create(
          new DistantPremiseFactory(), "distances = [20, 60], longer = [16384], other-facts = 4");

  @Test
  void everyExampleIsInOrder() {
    Tasks.check(Tasks.create(new DistantPremiseFactory(), "distances = [20, 60], longer = [300]"));
  }

  @Test
  void theFactStandsOnceAtItsDistanceAndSaysTheAnswer() {
    int[] distances = {20, 60, 16384};
    for (int condition = 0; condition < 3; condition++) {
      for (int seed = 0; seed < 20; seed++) {
        Example example = Tasks.example(task, condition, seed);
        int[] tokens = example.tokens();
        Map<Integer, Integer> facts = new HashMap<>();
        int place = -1;
        for (int i = 0; i < tokens.length - 2; i++) {
          if (tokens[i] == FACT) {
            place = facts.isEmpty() ? i : place;
            facts.put(tokens[i + 1], tokens[i + 2]);
          }
        }
        assertEquals(5, facts.size());
        int asked = tokens[tokens.length - 1];
        assertEquals(tokens[place + 1], asked);
        assertEquals(facts.get(asked), example.targets()[tokens.length - 1]);
        assertEquals(distances[condition], tokens.length - 2 - (place + 3));
        assertEquals(1, example.answerCount());
      }
    }
  }

  @Test
  void otherFactsAreAskedAboutBeforeAndNotMeasured() {
    Task asking =
        Tasks.create(
            new DistantPremiseFactory(), "distances = [20], other-facts = 4, questions = 5");
    for (int seed = 0; seed < 20; seed++) {
      Example example = Tasks.example(asking, 0, seed);
      int[] tokens = example.tokens();
      Map<Integer, Integer> facts = new LinkedHashMap<>();
      List<Integer> asked = new ArrayList<>();
      for (int i = 0; i < tokens.length; i++) {
        if (tokens[i] == FACT) {
          facts.put(tokens[i + 1], tokens[i + 2]);
        } else if (tokens[i] == FACT + 1) {
          asked.add(tokens[i + 1]);
          assertEquals(facts.get(tokens[i + 1]), example.targets()[i + 1]);
        }
      }
      assertEquals(20, tokens.length - 2 - (List.of(box(tokens)).indexOf(FACT) + 3));
      assertEquals(facts.keySet(), Set.copyOf(asked));
      assertEquals(5, asked.size());
      assertEquals(facts.keySet().iterator().next(), asked.get(4));
      assertEquals(1, example.answerCount());
      assertEquals(0, example.answers()[tokens.length - 1]);
    }
  }

  private static Integer[] box(int[] tokens) {
    return Arrays.stream(tokens).boxed().toArray(Integer[]::new);
  }

  @Test
  void whatDoesNotFitIsRefused() {
    assertThat(
            assertThrows(
                ConfigException.class,
                () -> Tasks.create(new DistantPremiseFactory(), "distances = [8]")))
        .hasMessageContaining("at least 12 tokens");
    assertThrows(
        ConfigException.class, () -> Tasks.create(new DistantPremiseFactory(), "names = 4"));
    assertThat(
            assertThrows(
                ConfigException.class,
                () -> Tasks.create(new DistantPremiseFactory(), "questions = 6")))
        .hasMessageContaining("at most other-facts + 1 = 5");
    assertThat(
            assertThrows(
                ConfigException.class,
                () -> Tasks.create(new DistantPremiseFactory(), "distances = [19], questions = 5")))
        .hasMessageContaining("at least 20 tokens");
  }
}
