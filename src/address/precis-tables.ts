/**
 * What the contextual rules (RFC 5892 appendix A) and the Bidi Rule (RFC 5893 §2) need of Unicode and `\p{…}` cannot say.
 *
 * Each constant is the inside of a character class for a RegExp with the flag `v`.
 *
 * How they are made, from Unicode 17.0: Bidi_Class is field 4 of UnicodeData.txt, Canonical_Combining_Class field 3,
 * Joining_Type comes from extracted/DerivedJoiningType.txt. Of each only the code points that IdentifierClass allows
 * (`precis.ts`) are kept, and a range runs on over code points that it never allows: asked about such a one, a
 * table may answer anything. What is in no table of directions reads from left to right.
 */

/** The version of Unicode that the tables were made from; make them again when that of Node changes. */
export const unicodeVersion = '17.0'

/** Bidi_Class R and AL. */
export const rightToLeft =
  String.raw`\u{5d0}-\u{5f4}\u{620}-\u{64a}\u{66e}-\u{66f}\u{671}-\u{6d5}\u{6e5}-\u{6e6}` +
  String.raw`\u{6ee}-\u{6ef}\u{6fa}-\u{710}\u{712}-\u{72f}\u{74d}-\u{7a5}\u{7b1}-\u{7ea}` +
  String.raw`\u{7f4}-\u{7f5}\u{800}-\u{815}\u{81a}\u{824}\u{828}\u{840}-\u{858}\u{860}-\u{88f}` +
  String.raw`\u{8a0}-\u{8c9}\u{fe73}\u{10800}-\u{10a00}\u{10a10}-\u{10a35}\u{10a60}-\u{10ae4}` +
  String.raw`\u{10b00}-\u{10d23}\u{10d4a}-\u{10d65}\u{10d6f}-\u{10ea9}\u{10eb0}-\u{10ec7}` +
  String.raw`\u{10f00}-\u{10f45}\u{10f70}-\u{10f81}\u{10fb0}-\u{10ff6}\u{1e800}-\u{1e8c4}` +
  String.raw`\u{1e900}-\u{1e943}\u{1e94b}-\u{1e959}`

/** Bidi_Class AN. */
export const arabicNumber = String.raw`\u{660}-\u{669}\u{10d30}-\u{10d49}`

/** Bidi_Class EN. */
export const europeanNumber = String.raw`\u{30}-\u{39}\u{6f0}-\u{6f9}`

/** Bidi_Class ES, CS, ET, ON and BN. */
export const neutral =
  String.raw`\u{21}-\u{2f}\u{3a}-\u{40}\u{5b}-\u{60}\u{7b}-\u{b7}\u{2b9}-\u{2ba}\u{2c6}-\u{2cf}` +
  String.raw`\u{2ec}\u{375}\u{200c}-\u{200d}\u{2e2f}\u{30fb}\u{a67f}\u{a717}-\u{a71f}\u{a788}`

/** Bidi_Class NSM: the marks without an advance, but for five with a class of their own (L). */
export const nonspacing = String.raw`[\p{Mn}--[\u{cbf}\u{cc6}\u{11a07}\u{11a08}\u{11c3f}]]`

/** Canonical_Combining_Class Virama (9). */
export const virama =
  String.raw`\u{94d}\u{9cd}\u{a4d}\u{acd}\u{b4d}\u{bcd}\u{c4d}\u{ccd}\u{d3b}-\u{d3c}\u{d4d}\u{dca}` +
  String.raw`\u{e3a}\u{eba}\u{f84}\u{1039}-\u{103a}\u{1714}-\u{1715}\u{1734}\u{17d2}\u{1a60}\u{1b44}` +
  String.raw`\u{1baa}-\u{1bab}\u{1bf2}-\u{1bf3}\u{2d7f}\u{a806}\u{a82c}\u{a8c4}\u{a953}\u{a9c0}` +
  String.raw`\u{aaf6}\u{abed}\u{10a3f}\u{11046}\u{11070}\u{1107f}\u{110b9}\u{11133}-\u{11134}` +
  String.raw`\u{111c0}\u{11235}\u{112ea}\u{1134d}\u{113ce}-\u{113d0}\u{11442}\u{114c2}\u{115bf}` +
  String.raw`\u{1163f}\u{116b6}\u{1172b}\u{11839}\u{1193d}-\u{1193e}\u{119e0}\u{11a34}\u{11a47}` +
  String.raw`\u{11a99}\u{11c3f}\u{11d44}-\u{11d45}\u{11d97}\u{11f41}-\u{11f42}\u{1612f}`

/** Joining_Type L. */
export const joinsLeft = String.raw`\u{a872}\u{10acd}\u{10ad7}\u{10d00}`

/** Joining_Type D. */
export const joinsBoth =
  String.raw`\u{620}\u{626}\u{628}\u{62a}-\u{62e}\u{633}-\u{647}\u{649}-\u{64a}\u{66e}-\u{66f}` +
  String.raw`\u{679}-\u{687}\u{69a}-\u{6bf}\u{6c1}-\u{6c2}\u{6cc}\u{6ce}\u{6d0}-\u{6d1}` +
  String.raw`\u{6fa}-\u{6fc}\u{6ff}\u{712}-\u{714}\u{71a}-\u{71d}\u{71f}-\u{727}\u{729}\u{72b}` +
  String.raw`\u{72d}-\u{72e}\u{74e}-\u{758}\u{75c}-\u{76a}\u{76d}-\u{770}\u{772}\u{775}-\u{777}` +
  String.raw`\u{77a}-\u{77f}\u{7ca}-\u{7ea}\u{841}-\u{845}\u{848}\u{84a}-\u{853}\u{855}\u{860}` +
  String.raw`\u{862}-\u{865}\u{868}\u{886}\u{889}-\u{88d}\u{88f}\u{8a0}-\u{8a9}\u{8af}-\u{8b0}` +
  String.raw`\u{8b3}-\u{8b8}\u{8ba}-\u{8c8}\u{1820}-\u{1878}\u{1887}-\u{18a8}\u{18aa}` +
  String.raw`\u{a840}-\u{a871}\u{10ac0}-\u{10ac4}\u{10ad3}-\u{10ad6}\u{10ad8}-\u{10adc}` +
  String.raw`\u{10ade}-\u{10ae0}\u{10b80}\u{10b82}\u{10b86}-\u{10b88}\u{10b8a}-\u{10b8b}\u{10b8d}` +
  String.raw`\u{10b90}\u{10d01}-\u{10d21}\u{10d23}\u{10ec3}-\u{10ec4}\u{10ec6}-\u{10ec7}` +
  String.raw`\u{10f30}-\u{10f32}\u{10f34}-\u{10f44}\u{10f70}-\u{10f73}\u{10f76}-\u{10f81}\u{10fb0}` +
  String.raw`\u{10fb2}-\u{10fb3}\u{10fb8}\u{10fbb}-\u{10fbc}\u{10fbe}-\u{10fbf}\u{10fc1}\u{10fc4}` +
  String.raw`\u{1e900}-\u{1e943}`

/** Joining_Type R. */
export const joinsRight =
  String.raw`\u{622}-\u{625}\u{627}\u{629}\u{62f}-\u{632}\u{648}\u{671}-\u{673}\u{688}-\u{699}\u{6c0}` +
  String.raw`\u{6c3}-\u{6cb}\u{6cd}\u{6cf}\u{6d2}-\u{6d5}\u{6ee}-\u{6ef}\u{710}\u{715}-\u{719}\u{71e}` +
  String.raw`\u{728}\u{72a}\u{72c}\u{72f}\u{74d}\u{759}-\u{75b}\u{76b}-\u{76c}\u{771}\u{773}-\u{774}` +
  String.raw`\u{778}-\u{779}\u{840}\u{846}-\u{847}\u{849}\u{854}\u{856}-\u{858}\u{867}\u{869}-\u{882}` +
  String.raw`\u{88e}\u{8aa}-\u{8ac}\u{8ae}\u{8b1}-\u{8b2}\u{8b9}\u{10ac5}\u{10ac7}-\u{10aca}` +
  String.raw`\u{10ace}-\u{10ad2}\u{10add}\u{10ae1}\u{10ae4}\u{10b81}\u{10b83}-\u{10b85}\u{10b89}` +
  String.raw`\u{10b8c}\u{10b8e}-\u{10b8f}\u{10b91}\u{10d22}\u{10ec2}\u{10f33}\u{10f74}-\u{10f75}` +
  String.raw`\u{10fb4}-\u{10fb6}\u{10fb9}-\u{10fba}\u{10fbd}\u{10fc2}-\u{10fc3}`

/** Joining_Type T: the marks, and one letter. */
export const transparent = String.raw`\p{Mn}\u{1e94b}`
