package dev.hydra.composer.spec;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class SitePathTest {
  private static final SitePath FFN = SitePath.block(3).child("ffn");
  private static final SitePath ROUTER = FFN.child("router");

  @Test
  void isMadeOfBlockPathAndChildren() {
    assertEquals("blocks.3.ffn.router", ROUTER.toString());
    assertEquals("router", ROUTER.name());
    assertEquals(Optional.of(FFN), ROUTER.parent());
    assertEquals(Optional.empty(), new SitePath("component").parent());
  }

  @Test
  void ownsWhatIsNamedBelowIt() {
    assertTrue(FFN.owns("blocks.3.ffn.up.weight"));
    assertTrue(FFN.owns("blocks.3.ffn.router.weight"));
    assertTrue(SitePath.block(3).owns("blocks.3.ffn-norm.weight"));
    assertFalse(FFN.owns("blocks.3.ffn"), "itself");
    assertFalse(FFN.owns("blocks.3.ffn2.up.weight"), "a longer name");
    assertFalse(FFN.owns("blocks.3.ffn-norm.weight"), "a norm of the block");
    assertFalse(SitePath.block(3).owns("blocks.31.ffn.up.weight"), "another block");
    assertTrue(SitePath.SHARED.owns("shared.facts.table"));
  }

  @Test
  void namesAtASiteAndFullNamesFollowFromEachOther() {
    assertEquals("blocks.3.ffn.up.weight", FFN.fullName("up.weight"));
    assertEquals("up.weight", FFN.localName("blocks.3.ffn.up.weight"));
    assertThrows(IllegalArgumentException.class, () -> FFN.localName("blocks.3.ffn2.up.weight"));
  }

  @Test
  void containsItselfAndWhatIsNestedInIt() {
    assertTrue(FFN.contains(FFN));
    assertTrue(FFN.contains(ROUTER));
    assertFalse(ROUTER.contains(FFN));
    assertFalse(FFN.contains(new SitePath("blocks.3.ffn2")));
  }

  @ParameterizedTest
  @ValueSource(strings = {"", ".", "blocks.", ".ffn", "blocks..ffn"})
  void emptyNamesAreRefused(String text) {
    assertThrows(IllegalArgumentException.class, () -> new SitePath(text));
  }
}
