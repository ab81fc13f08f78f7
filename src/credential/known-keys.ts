/**
 * [LINK-10.6-2] Keys whose private half is printed in a standard, a manual or a test: nobody may speak for a domain with one.
 *
 * A key gets here by being published. The test vectors of this project are published too.
 */
import type { PublicKey } from './ed25519.ts'

// biome-ignore format: one key a line
const published: ReadonlySet<string> = new Set([
  '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo', // RFC 8032 §7.1 test 1; RFC 8037, RFC 8463 and most JOSE manuals
  'PUAXw-hDiVqStwqnTRt-vJyYLM8uxJaMwM1V8Sr0Zgw', // RFC 8032 §7.1 test 2
  '_FHNjmIYoaONpH7QAjDwWAgW7RO6MwOsXeuRFUiQgCU', // RFC 8032 §7.1 test 3
  'J4EX_BRMcjQPZ9DyMW6Dhs7_vyskKMnFH-98WX8dQm4', // RFC 8032 §7.1 test 1024
  '7Bcrk61eVjv0kyxw4SRQNMNUZ-8u_U1k6_gZaDRn4r8', // RFC 8032 §7.1 test SHA(abc)
  'l02Woi0iS8Aa25FQkUd9RMzZHJpBoRQwAQEX1SxZJA4', // RFC 8080 §6.1, first
  'zPnZ_QwEe7S8C5SPz2OfS5RR40ATk2_rYnE9xHIEijs', // RFC 8080 §6.1, second
  'Gb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE', // RFC 8410 §10
  'JrQLj5P_89iXES9-vFgrIy29clF9CC_oPPsw3c5D0bs', // RFC 9421 §B.1.4
  'XGX0JRS2Af3be3knz2fBiRbApjm2Dh61gXDJA8kcJNI', // Matrix specification, appendix "Signing Test Vectors"
  'O2onvM62pC1io6jQKm8Nc2UyFXcd4kOmOsBIoYtZ2ik', // seed 00 00 … 00
  'iojj3XQJ8ZX9UtstPLpdcspnCb8dlBIb83SIAbQPb1w', // seed 01 01 … 01
  'dqFZIESm5PURJlvKc6YE2QsFKdHfYCvjChmpJXZg0fU', // seed ff ff … ff
  'A6EHv_POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg', // seed 00 01 … 1f
  'ebVWLo_mVPlAeLES6KmLp5AfhTrmlb7X4OORC60ElmQ', // seed 01 02 … 20
  'jPAzNbC16pzwgLsHmYTh3pJQDmtpE8kXUbv7hsyAIUg', // test/vectors/tokens.json, link
  'tI9kOc-eQ1vpdrRBTsGLNY8S7cNDDi-TASF0GSW5n-g', // test/vectors/tokens.json, user
  'yq9aTnFbt8CdyRQ02XYfLLB9E1wQ0HX9Jy0mWXY6fzM', // test/vectors/tokens.json, both
  'YJA7kfrVFtbPZz7afp3_L3YnMRVZDyO8YXjEbuXcS1E', // test/vectors/tokens.json, early
  'H2_Lq9kDe6XaDaavx2vur-7dMV7tHaUcZRVidbUHv30', // test/vectors/tokens.json, late
  'b1_ZmiT1SMcFP62gTlnOsSq4ZJAkmd8eXOVW2rCu7ws', // test/vectors/tokens.json, revoked
  '5y3g-6saIV0mcw4UZBuLLUV0puRmXRYlkKlFlmkchO8', // test/vectors/tokens.json, stranger
  '-gHSBkH8-6szbL8lqfZIif-ACB-rWJQFBYuYuJo3TN0', // test/vectors/tokens.json, client
  'fc69puuvQiuo3yjLXj3KIjvKIUeAo4-9LOfaVOmMLLg', // test/vectors/tokens.json, soon
  'vX4vRfQtVipu039bMr0d_fTKGh213CWjJAnl80WsmPo', // test/vectors/tokens.json, lately
])

export const isPublishedTestKey = (key: PublicKey): boolean => published.has(key.x)
